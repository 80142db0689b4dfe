-- What is found when somebody is erased, or may be seen by fewer.

ALTER TABLE referral ADD COLUMN case_id uuid GENERATED ALWAYS AS ((doc ->> 'case_id')::uuid) STORED;
CREATE INDEX referral_case_id ON referral (case_id) WHERE case_id IS NOT NULL;
CREATE INDEX refused_referral_referral_id ON refused_referral (referral_id);

ALTER TABLE person ADD COLUMN controller text GENERATED ALWAYS AS (doc ->> 'controller') STORED;
ALTER TABLE person ADD COLUMN protected boolean GENERATED ALWAYS AS ((doc ->> 'protected')::boolean) STORED;
CREATE INDEX person_protected ON person (controller) WHERE protected;
ALTER TABLE person ADD COLUMN merged_into uuid GENERATED ALWAYS AS ((doc ->> 'merged_into')::uuid) STORED;
CREATE INDEX person_merged_into ON person (merged_into) WHERE merged_into IS NOT NULL;

CREATE INDEX partner_contact_person_id ON partner (contact_person_id);
CREATE INDEX unit_file_role_models ON unit_file USING gin ((doc -> 'role_models') jsonb_path_ops);
CREATE INDEX host_buddy_id ON host (((doc ->> 'buddy_id')::uuid)) WHERE doc ->> 'buddy_id' IS NOT NULL;
