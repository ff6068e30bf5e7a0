-- A transcript or a perception analysis comes when a conversation is over, which some that are on
-- record never learned otherwise.  By the index of those that run: few rows.  A batch
-- that holds one of them is waited for.
SET LOCAL lock_timeout = '1min';
UPDATE tavus.conversations SET closed_id = least(transcript_id, perception_id)
 WHERE NOT ended AND (transcript_id IS NOT NULL OR perception_id IS NOT NULL);
