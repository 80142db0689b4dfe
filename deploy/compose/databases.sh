#!/bin/sh
# Makes a role and a database of its own for each service, or gives a role that is there its password anew.
# PGHOST, PGUSER and PGPASSWORD name a superuser; <SERVICE>_DATABASE_PASSWORD each role's password.
set -eu
for service in intake matching followup notifications; do
    upper=$(echo "$service" | tr '[:lower:]' '[:upper:]')
    # The password goes by the environment: a command line can be read by other processes.
    ROLE=$service PASSWORD=$(printenv "${upper}_DATABASE_PASSWORD") \
        psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=postgres <<'SQL'
\getenv role ROLE
\getenv password PASSWORD
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
