"""Tests of what is kept between prompts."""
