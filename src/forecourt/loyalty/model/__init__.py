"""What campaigns are, whom and what they are for, which of several counts, and what is given by them."""
