"""What every service process shares: shutdown, health server, ready file, failure policy and dead-letter limit."""
