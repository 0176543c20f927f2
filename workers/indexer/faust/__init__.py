"""The Faust adapter: the app, its Kafka transport and its client options. Nothing else imports Faust."""
