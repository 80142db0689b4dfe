-- A case knows that its candidate lives in the unit: where a postcode was known it had been judged.
UPDATE case_file SET doc = case_file.doc || '{"is_resident": true}'
FROM person
WHERE person.id = case_file.person_id AND case_file.doc IS NOT NULL
    AND (person.doc ->> 'postcode' IS NOT NULL OR person.doc ->> 'protected' = 'true');
