"""The decisions about money: amounts, postings, what is billed, what a transfer is matched with. Pure."""
