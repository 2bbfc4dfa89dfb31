-- Rules `attended` and `condemned_in_meeting`, meeting by meeting: who did what the indicator counts at which meeting,
-- and whether it belonged on the first day of the meeting. One row for each year, indicator, meeting and state.

with

questions as (
    select *
    from {{ ref('int_indicator_years') }}
    where rule in ('attended', 'condemned_in_meeting')
),

meetings as (
    select * from {{ ref('stg_meetings') }}
),

acts as (
    select distinct
        'attended' as rule,
        meeting_id,
        starts_on,
        iso3
    from {{ ref('int_participations') }}
    where delegation_kind = 'state'
    union all
    select distinct
        'condemned_in_meeting' as rule,
        statements.meeting_id,
        meetings.starts_on,
        statements.iso3
    from {{ ref('stg_meeting_statements') }} as statements
    inner join meetings on statements.meeting_id = meetings.meeting_id
    where statements.topic = 'condemnation'
)

select
    questions.reporting_year,
    questions.plan_version,
    questions.indicator_id,
    questions.rule,
    acts.meeting_id,
    acts.iso3,
    {{ act_counts('questions.unit') }} as is_counted
from questions
inner join acts
    on
        questions.rule = acts.rule
        and acts.starts_on between questions.year_start and questions.cut_off
{{ membership_on('questions.population', 'acts.iso3', 'acts.starts_on') }}
