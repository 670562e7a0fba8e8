"""Records to text: each module a function from records to a string."""
