// Questions of `pra doctor` to the database. A test prepares each on the migrated schema.

enum DoctorQueries {
  static let rights = """
    select session_user::text as login, (
      select string_agg(r.rolname, ', ' order by r.rolname) from pg_roles as r
      where r.rolname in ('pra_owner', 'pra_read', 'pra_submit', 'pra_worker')
        and pg_has_role(session_user, r.oid, 'member')) as roles
    """
  static let workers = """
    select count(*) filter (where lease_expires_at > clock_timestamp()) as live,
      count(*) filter (where lease_expires_at <= clock_timestamp()) as lost,
      (select count(*) from (select from pra.jobs where state = 'ready' limit 1000) as j) as ready
    from pra.workers where stopped_at is null
    """
  static let clock = "select extract(epoch from clock_timestamp())::double precision as seconds"
}
