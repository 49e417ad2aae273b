"""What drivers paid at stations' own terminals (OCPP 2.1 C18 to C23): stations tell of it, and it is put into the books
as a sale whose money a terminal's provider holds. This never asks a terminal for anything: a refund is given there.
"""
