"""One declaration for each table and feature; everything else about them is derived."""
