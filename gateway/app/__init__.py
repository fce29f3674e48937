"""Doorways: commands, and the place that joins the floors."""
