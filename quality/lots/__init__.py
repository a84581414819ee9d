"""Lots: acceptance sampling by attributes, GB/T 2828.1-2012 (ISO 2859-1:1999), and exact plans for one lot."""
