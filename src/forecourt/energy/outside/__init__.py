"""What stations tell of others: who limits them besides us, and how cars mean to charge."""
