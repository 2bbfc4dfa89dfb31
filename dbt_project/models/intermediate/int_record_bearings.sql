-- What a changed record bears on, by all its versions: an answer on its state, year and indicator, a meeting on all
-- who were registered or spoke at it. `topic` is what rules and populations ask for, in int_revision_causes. A null
-- bears on every state, year, indicator or member.

{% set no_end = 9999 %}

with

changed as (
    select distinct
        dataset,
        record_key
    from {{ ref('int_row_changes') }}
),

{% for dataset in [
    'states', 'treaty_actions', 'obligations', 'article7_reports', 'article7_answers', 'meetings',
    'meeting_participants', 'meeting_statements', 'contributions', 'extension_requests', 'completion_declarations',
    'stockpile_discoveries', 'compliance_cases',
] %}
{{ dataset }} as (
    select * from {{ source('landing', dataset) }} where record_status = 'active'
),

{% endfor %}
was_a_state as (
    select * from {{ source('control', 'previous_states') }}
),

is_a_state as (
    select * from {{ ref('dim_state') }}
),

-- a state that appears, vanishes or changes its region; another spelling of its name moves nothing
moved_states as (
    select
        coalesce(was_a_state.iso3, is_a_state.iso3) as iso3,
        was_a_state.iso3 is null or is_a_state.iso3 is null as is_other_existence
    from was_a_state
    full join is_a_state on was_a_state.iso3 = is_a_state.iso3
    where
        was_a_state.iso3 is null
        or is_a_state.iso3 is null
        or coalesce(was_a_state.un_region, 'none') <> coalesce(is_a_state.un_region, 'none')
),

bearings as (
    select
        'states' as dataset,
        iso3 as record_key,
        case when is_other_existence then 'states' else 'regions' end as topic,
        iso3,
        cast(null as {{ dbt.type_string() }}) as member_key,
        cast(null as {{ dbt.type_string() }}) as meeting_id,
        cast(null as {{ dbt.type_string() }}) as plan_version,
        cast(null as {{ dbt.type_string() }}) as indicator_id,
        0 as first_year,
        {{ no_end }} as last_year
    from moved_states
    union all
    select
        'states' as dataset,
        moved_states.iso3 as record_key,
        'participations' as topic,
        null as iso3,
        null as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        0 as first_year,
        {{ no_end }} as last_year
    from moved_states
    inner join meeting_participants on moved_states.iso3 = meeting_participants.iso3
    where moved_states.is_other_existence
    union all
    select
        'treaty_actions' as dataset,
        action_id as record_key,
        'treaty_actions' as topic,
        iso3,
        null as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        0 as first_year,
        {{ no_end }} as last_year
    from treaty_actions
    union all
    select
        'treaty_actions' as dataset,
        action_id as record_key,
        'consents' as topic,
        null as iso3,
        action_id as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        0 as first_year,
        {{ no_end }} as last_year
    from treaty_actions
    union all
    select
        'obligations' as dataset,
        obligation_id as record_key,
        concat('obligations_', kind) as topic,
        iso3,
        null as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        0 as first_year,
        {{ no_end }} as last_year
    from obligations
    {% for topic, last_year in {'reports': 'reporting_year', 'reports_ever': no_end}.items() %}
    union all
    select
        'article7_reports' as dataset,
        report_id as record_key,
        '{{ topic }}' as topic,
        iso3,
        null as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        reporting_year as first_year,
        {{ last_year }} as last_year
    from article7_reports
    {% endfor %}
    {% for topic, last_year in {'answers': 'article7_reports.reporting_year', 'answers_ever': no_end}.items() %}
    union all
    select
        'article7_answers' as dataset,
        concat(article7_answers.report_id, '|', article7_answers.indicator_id) as record_key,
        '{{ topic }}' as topic,
        article7_reports.iso3,
        null as member_key,
        null as meeting_id,
        coalesce(article7_answers.plan_version, {{ configured_plan() }}) as plan_version,
        article7_answers.indicator_id,
        article7_reports.reporting_year as first_year,
        {{ last_year }} as last_year
    from article7_answers
    inner join article7_reports on article7_answers.report_id = article7_reports.report_id
    {% endfor %}
    union all
    select
        'meetings' as dataset,
        meetings.meeting_id as record_key,
        topics.topic,
        null as iso3,
        null as member_key,
        meetings.meeting_id,
        null as plan_version,
        null as indicator_id,
        extract(year from meetings.starts_on) as first_year,
        extract(year from meetings.starts_on) as last_year
    from meetings
    cross join (
        select 'formal_meetings' as topic
        union all
        select 'participations' as topic
    ) as topics
    where
        topics.topic <> 'formal_meetings'
        or meetings.kind in ('meeting_of_states_parties', 'review_conference')
    {% for dataset in ['meetings', 'meeting_statements'] %}
    union all
    select
        '{{ dataset }}' as dataset,
        {{ 'meetings.meeting_id' if dataset == 'meetings' else 'meeting_statements.statement_id' }} as record_key,
        concat('statements_', meeting_statements.topic) as topic,
        meeting_statements.iso3,
        null as member_key,
        meetings.meeting_id,
        null as plan_version,
        null as indicator_id,
        extract(year from meetings.starts_on) as first_year,
        extract(year from meetings.starts_on) as last_year
    from meetings
    inner join meeting_statements on meetings.meeting_id = meeting_statements.meeting_id
    {% endfor %}
    {% for dataset in ['meetings', 'meeting_participants'] %}
    union all
    select
        '{{ dataset }}' as dataset,
        {{ 'meetings.meeting_id' if dataset == 'meetings' else 'meeting_participants.registration_id' }} as record_key,
        'attendance' as topic,
        meeting_participants.iso3,
        null as member_key,
        meetings.meeting_id,
        null as plan_version,
        null as indicator_id,
        extract(year from meetings.starts_on) as first_year,
        extract(year from meetings.starts_on) as last_year
    from meetings
    inner join meeting_participants on meetings.meeting_id = meeting_participants.meeting_id
    where meeting_participants.delegation_kind = 'state'
    {% endfor %}
    union all
    select
        'meeting_participants' as dataset,
        meeting_participants.registration_id as record_key,
        'participations' as topic,
        null as iso3,
        null as member_key,
        meetings.meeting_id,
        null as plan_version,
        null as indicator_id,
        extract(year from meetings.starts_on) as first_year,
        extract(year from meetings.starts_on) as last_year
    from meetings
    inner join meeting_participants on meetings.meeting_id = meeting_participants.meeting_id
    union all
    select
        'contributions' as dataset,
        contribution_id as record_key,
        concat('contributions_', kind) as topic,
        iso3,
        null as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        case when kind = 'voluntary_isu' then extract(year from dated_on) else year end as first_year,
        case when kind = 'voluntary_isu' then extract(year from dated_on) else year end as last_year
    from contributions
    union all
    select
        'extension_requests' as dataset,
        request_id as record_key,
        'requests' as topic,
        null as iso3,
        request_id as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        extract(year from submitted_on) as first_year,
        extract(year from submitted_on) as last_year
    from extension_requests
    union all
    select
        'completion_declarations' as dataset,
        declaration_id as record_key,
        'declarations' as topic,
        iso3,
        null as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        extract(year from declared_on) as first_year,
        extract(year from declared_on) as last_year
    from completion_declarations
    {% for dataset, key, topic in [
        ('stockpile_discoveries', 'discovery_id', 'discoveries'),
        ('compliance_cases', 'case_id', 'cases'),
    ] %}
    union all
    select
        '{{ dataset }}' as dataset,
        {{ key }} as record_key,
        '{{ topic }}' as topic,
        iso3,
        null as member_key,
        null as meeting_id,
        null as plan_version,
        null as indicator_id,
        0 as first_year,
        {{ no_end }} as last_year
    from {{ dataset }}
    {% endfor %}
)

select distinct
    bearings.dataset,
    bearings.record_key,
    bearings.topic,
    bearings.iso3,
    bearings.member_key,
    bearings.meeting_id,
    bearings.plan_version,
    bearings.indicator_id,
    bearings.first_year,
    bearings.last_year
from bearings
inner join changed
    on
        bearings.dataset = changed.dataset
        and bearings.record_key = changed.record_key
