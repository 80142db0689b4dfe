-- Who is shown an older version is told what has been done since: the answers about one aggregate are found by
-- its id.
CREATE INDEX command_answer_about ON command_answer ((answer ->> 'id'));
