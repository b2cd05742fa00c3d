"""The rules of Vonage and Facebook as data: errors in their own words, tags, refusals, scenes."""
