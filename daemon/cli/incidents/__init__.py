"""What the commands show of incidents."""
