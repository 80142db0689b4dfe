"""In place of servers, for the demonstration and the tests: PostgreSQL, Kafka and a mailbox from wheels."""
