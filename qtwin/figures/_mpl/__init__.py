"""Plotly figures painted by matplotlib, without a browser on the machine."""
