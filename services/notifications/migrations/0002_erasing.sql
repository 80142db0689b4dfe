-- All mails to somebody, when they are erased or ask what is held on them.
CREATE INDEX mail_person ON mail (person_id);
