-- A case knows when its candidate comes of age.
UPDATE case_file SET doc = case_file.doc || jsonb_build_object(
    'of_age_on', ((person.doc ->> 'birth_date')::date + interval '18 years')::date
)
FROM person
WHERE person.id = case_file.person_id AND person.doc ->> 'birth_date' IS NOT NULL AND case_file.doc IS NOT NULL
    AND case_file.doc ->> 'of_age_on' IS NULL;
