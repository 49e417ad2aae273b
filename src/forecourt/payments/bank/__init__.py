"""What money needs of banks, whoever is paid or pays: accounts, days on which they work, and files that they take.

Owns the account from which an organisation pays. It knows neither hosts nor fleets.
"""
