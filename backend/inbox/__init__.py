"""The field inbox: what phones did that did not simply apply, and what people decide about it."""
