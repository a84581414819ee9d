"""Time series: channels over one clock, a full copy, and what the editor shows."""
