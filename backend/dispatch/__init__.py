"""Technicians, their skills, shifts and areas: who may go, who goes, and when the van may leave."""
