"""Incidents: what a breach leaves for the person who must look before trading goes on."""
