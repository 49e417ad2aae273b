"""Smart charging explained: why a car charges as it does, what a site's plan looks like, and what it saves. Pure."""
