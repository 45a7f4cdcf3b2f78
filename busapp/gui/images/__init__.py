"""Images on the screen: cards, canvas, viewer, heat maps, pairs."""
