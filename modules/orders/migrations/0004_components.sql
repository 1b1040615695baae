-- What one unit of a bundle's line is made of, as it was sold: a JSON list; nothing for any other line.
ALTER TABLE orders_line ADD COLUMN components {text};
