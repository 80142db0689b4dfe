-- Persons who are perhaps the same are found within one controller by name, or by how they are reached.

CREATE INDEX person_controller_name ON person (controller, name_lowered) WHERE doc IS NOT NULL;
CREATE INDEX person_email ON person (controller, lower(doc ->> 'email')) WHERE doc ->> 'email' IS NOT NULL;
CREATE INDEX person_phone ON person (controller, (doc ->> 'phone')) WHERE doc ->> 'phone' IS NOT NULL;
