"""The simulator: plays Vonage and Facebook truthfully over HTTP, so that the course runs offline."""
