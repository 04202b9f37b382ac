-- The contracts that a product document refers to: a JSON list of names and texts; null where the contract says all.
ALTER TABLE product_version ADD COLUMN contracts TEXT;
