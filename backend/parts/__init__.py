"""What travels in the van: catalogue, kits per work type, checklists per visit, part usages and van stock."""
