"""What is known of a site becomes a plan for it: who shall have which current now, and what is meant to come. Pure."""
