"""Operations of a member: place, cancel, amend, order groups."""
