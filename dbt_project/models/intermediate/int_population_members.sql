-- Members of each population on the cut-off of each year, and those that are pending: shown, but outside the
-- denominator (semantics.md, Populations).

with

years as (
    select * from {{ ref('int_reporting_years') }}
),

periods as (
    select * from {{ ref('int_population_periods') }}
),

standing_members as (
    select
        years.reporting_year,
        years.year_start,
        years.cut_off,
        periods.population,
        periods.iso3
    from years
    inner join periods
        on
            periods.member_from <= years.cut_off
            and years.cut_off < periods.member_until
),

parties as (
    select * from standing_members where population = 'states_parties'
),

latest_consents as (
    select
        years.reporting_year,
        actions.iso3,
        max(actions.effective_on) as effective_on
    from {{ ref('stg_treaty_actions') }} as actions
    inner join years on actions.effective_on <= years.cut_off
    where actions.action in ({{ consent_actions() }})
    group by years.reporting_year, actions.iso3
),

reporters as (
    select distinct
        reporting_year,
        iso3
    from {{ ref('int_reports') }}
),

reporting_parties as (
    select
        parties.reporting_year,
        parties.iso3,
        {{ add_days('latest_consents.effective_on', 180) }} > parties.cut_off
        and reporters.iso3 is null as is_pending
    from parties
    inner join latest_consents
        on
            parties.reporting_year = latest_consents.reporting_year
            and parties.iso3 = latest_consents.iso3
    left join reporters
        on
            parties.reporting_year = reporters.reporting_year
            and parties.iso3 = reporters.iso3
),

assessed as (
    select distinct
        parties.reporting_year,
        parties.iso3
    from parties
    inner join {{ ref('stg_contributions') }} as contributions
        on
            parties.iso3 = contributions.iso3
            and parties.reporting_year = contributions.year
            and contributions.dated_on <= parties.cut_off
    where contributions.kind = 'assessment'
),

discoverers as (
    select
        parties.reporting_year,
        parties.iso3,
        max(case when discoveries.due_on between parties.year_start and parties.cut_off then 1 else 0 end) as has_due,
        max(
            case
                when discoveries.reported_on <= parties.cut_off and discoveries.due_on > parties.cut_off then 1
                else 0
            end
        ) as has_pending
    from parties
    inner join {{ ref('int_discoveries') }} as discoveries on parties.iso3 = discoveries.iso3
    group by parties.reporting_year, parties.iso3
),

requests as (
    select
        years.reporting_year,
        requests.request_id,
        requests.iso3
    from {{ ref('stg_extension_requests') }} as requests
    inner join years on requests.submitted_on between years.year_start and years.cut_off
    inner join periods
        on
            periods.population = 'states_parties'
            and requests.iso3 = periods.iso3
            and periods.member_from <= requests.submitted_on
            and requests.submitted_on < periods.member_until
),

declarers as (
    select distinct
        members.reporting_year,
        members.iso3
    from standing_members as members
    inner join {{ ref('stg_completion_declarations') }} as declarations
        on
            members.iso3 = declarations.iso3
            and declarations.declared_on between members.year_start and members.cut_off
    where members.population = 'article5_ever'
),

parties_in_cases as (
    select distinct
        parties.reporting_year,
        parties.iso3
    from parties
    inner join {{ ref('int_open_cases') }} as cases
        on
            parties.reporting_year = cases.reporting_year
            and parties.iso3 = cases.iso3
)

select
    reporting_year,
    population,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    false as is_pending
from standing_members
union all
select
    reporting_year,
    'reporting_parties' as population,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    is_pending
from reporting_parties
union all
select
    reporting_year,
    'assessed' as population,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    false as is_pending
from assessed
union all
select
    reporting_year,
    'stockpile_discoverers' as population,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    has_due = 0 as is_pending
from discoverers
where has_due = 1 or has_pending = 1
union all
select
    reporting_year,
    'extension_requests' as population,
    'request' as member_kind,
    request_id as member_key,
    iso3,
    false as is_pending
from requests
union all
select
    reporting_year,
    'completion_declarers' as population,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    false as is_pending
from declarers
union all
select
    reporting_year,
    'article1_cases' as population,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    false as is_pending
from parties_in_cases
