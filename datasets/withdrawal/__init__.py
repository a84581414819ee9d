"""Withdrawing what must not be used any more: the impact, versions without it, deletion and its proof."""
