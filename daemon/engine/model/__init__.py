"""What settled windows say of the model, and whether it is still believed."""
