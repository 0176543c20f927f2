"""How many decimals the prices of a currency have, by ISO 4217."""

from decimal import Decimal

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_DECIMALS = {code: number for number, codes in ((0, _NONE), (3, _THREE), (4, _FOUR)) for code in codes.split()}
_USUAL = 2


def decimals(currency: str) -> int:
    """The decimals of a currency by its code of three letters; 2 for one that the table does not have.

    >>> decimals("JPY"), decimals("EUR"), decimals("KWD")
    (0, 2, 3)
    """
    return _DECIMALS.get(currency, _USUAL)


def price(minor: int, currency: str) -> Decimal:
    """`minor`, a whole number of the currency's minor units, as the price that people read.

    >>> print(price(4200, "JPY"), price(4205, "EUR"), price(5, "KWD"), price(0, "USD"))
    4200 42.05 0.005 0.00
    """
    return Decimal(minor).scaleb(-decimals(currency))
