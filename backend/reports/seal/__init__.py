"""The company's seal: keys, the page that is sealed, the sealing itself, and what anybody can check."""
