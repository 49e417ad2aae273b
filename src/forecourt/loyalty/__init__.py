"""What drivers are given to come back: campaigns with a budget and a group held out, and the vouchers that begin them.

It owns campaigns, codes, what was promised, given and held out, and says what a campaign changed, with its interval. It
gives by `pricing.Discounts` alone, so what it gives is on the bill to the cent; it prices nothing and moves no money.
"""
