"""What networks are made of. These files need torch, and only jobs load them."""
