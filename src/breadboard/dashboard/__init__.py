"""The pages for people: forms, queries and reports, on Streamlit, asked through ``breadboard.client``."""
