-- The nonce of the token that came with what is in quarantine: whoever releases it has it bound as intake
-- would have.
SELECT tavus.lock_tables('quarantine') \g /dev/null
ALTER TABLE tavus.quarantine ADD nonce bytea;
