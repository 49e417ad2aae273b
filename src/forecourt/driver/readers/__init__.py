"""Card readers for operators and their kiosks: an API and pages of the console. What a reader asks for is a payment
like any other, with the driver's page of it as its receipt.
"""
