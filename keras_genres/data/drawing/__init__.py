"""How a sample poster is drawn: brush, shapes, scenes, touches, motifs, lettering."""
