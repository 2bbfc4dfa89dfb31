-- On what a changed record bears, by all its versions: an answer on its state, year and indicator, a meeting on all
-- who were registered or spoke at it. `topic` is what rules and populations ask for, in int_revision_topics; `node` is
-- a state, or for instruments the instrument. A null bears on every node, meeting or indicator.

{% set no_end = 9999 %}
{% set year_of_meeting = 'extract(year from meetings.starts_on)' %}

with

changed as (
    select
        dataset,
        record_key,
        max(case when is_other_existence then 1 else 0 end) = 1 as is_other_existence
    from {{ ref('int_row_changes') }}
    group by dataset, record_key
),

{% for dataset in [
    'treaty_actions', 'obligations', 'article7_reports', 'article7_answers', 'meetings', 'meeting_participants',
    'meeting_statements', 'contributions', 'extension_requests', 'completion_declarations', 'stockpile_discoveries',
    'compliance_cases',
] %}
{{ dataset }} as (
    select * from {{ source('landing', dataset) }} where record_status = 'active'
),

{% endfor %}
-- a state appears, vanishes or changes its region; another spelling of its name moves nothing
moved_states as (
    select
        record_key as iso3,
        is_other_existence
    from changed
    where dataset = 'states'
),

-- of one person's registrations at a meeting one speaks, so that each bears on the states of all
delegates as (
    select
        registrations.registration_id,
        registrations.meeting_id,
        registrations.iso3 as registered_iso3,
        others.iso3
    from meeting_participants as registrations
    inner join meeting_participants as others
        on
            registrations.meeting_id = others.meeting_id
            and registrations.person_key = others.person_key
    where others.delegation_kind = 'state'
),

limits_before as (
    select * from {{ source('control', 'payment_limits_before') }}
),

limits_after as (
    select * from {{ source('control', 'payment_limits_after') }}
    union all
    select
        reporting_year,
        limit_on
    from {{ ref('int_payment_limits') }}
    where {{ is_later_day() }}
),

moved_limits as (
    select coalesce(limits_before.reporting_year, limits_after.reporting_year) as reporting_year
    from limits_before
    full join limits_after on limits_before.reporting_year = limits_after.reporting_year
    where limits_before.limit_on is distinct from limits_after.limit_on
),

bearings as (
    {{ bearing('states', 'iso3', "'regions'", 'iso3') }}
    from moved_states
    union all
    {{ bearing('states', 'iso3', "'states'", 'iso3') }}
    from moved_states
    where is_other_existence
    union all
    {{ bearing('states', 'moved_states.iso3', "'regions'", 'treaty_actions.action_id') }}
    from moved_states
    inner join treaty_actions on moved_states.iso3 = treaty_actions.iso3
    union all
    {{ bearing('states', 'moved_states.iso3', "'consents'", 'treaty_actions.action_id') }}
    from moved_states
    inner join treaty_actions on moved_states.iso3 = treaty_actions.iso3
    where moved_states.is_other_existence
    union all
    {{ bearing('states', 'moved_states.iso3', "'participations'", 'null') }}
    from moved_states
    inner join meeting_participants on moved_states.iso3 = meeting_participants.iso3
    where moved_states.is_other_existence
    union all
    {{ bearing('states', 'moved_states.iso3', "'attendance'", 'delegates.iso3', meeting_id='delegates.meeting_id') }}
    from moved_states
    inner join delegates on moved_states.iso3 = delegates.registered_iso3
    where moved_states.is_other_existence
    union all
    {{ bearing('treaty_actions', 'action_id', "'treaty_actions'", 'iso3') }}
    from treaty_actions
    union all
    {{ bearing('treaty_actions', 'action_id', "'consents'", 'action_id') }}
    from treaty_actions
    union all
    {{ bearing('obligations', 'obligation_id', "concat('obligations_', kind)", 'iso3') }}
    from obligations
    {% for topic, last_year in {'reports': 'reporting_year', 'reports_ever': no_end}.items() %}
    union all
    {{ bearing('article7_reports', 'report_id', "'" ~ topic ~ "'", 'iso3', 'reporting_year', last_year) }}
    from article7_reports
    {% endfor %}
    {% for topic, last_year in {'answers': 'article7_reports.reporting_year', 'answers_ever': no_end}.items() %}
    union all
    {{ bearing(
        'article7_answers',
        "concat(article7_answers.report_id, '|', article7_answers.indicator_id)",
        "'" ~ topic ~ "'",
        'article7_reports.iso3',
        'article7_reports.reporting_year',
        last_year,
        plan_version='coalesce(article7_answers.plan_version, ' ~ configured_plan() ~ ')',
        indicator_id='article7_answers.indicator_id',
    ) }}
    from article7_answers
    inner join article7_reports on article7_answers.report_id = article7_reports.report_id
    {% endfor %}
    union all
    {{ bearing('meetings', 'meetings.meeting_id', "'formal_meetings'", 'null', year_of_meeting, year_of_meeting) }}
    from meetings
    inner join moved_limits on extract(year from meetings.starts_on) = moved_limits.reporting_year
    where meetings.kind in ({{ formal_meetings() }})
    union all
    {{ bearing(
        'meetings', 'meetings.meeting_id', "'participations'", 'null', year_of_meeting, year_of_meeting,
        meeting_id='meetings.meeting_id',
    ) }}
    from meetings
    {% for dataset, key in {
        'meetings': 'meetings.meeting_id', 'meeting_statements': 'meeting_statements.statement_id',
    }.items() %}
    union all
    {{ bearing(
        dataset, key, "concat('statements_', meeting_statements.topic)", 'meeting_statements.iso3', year_of_meeting,
        year_of_meeting, meeting_id='meetings.meeting_id',
    ) }}
    from meetings
    inner join meeting_statements on meetings.meeting_id = meeting_statements.meeting_id
    {% endfor %}
    {% for dataset, key in {
        'meetings': 'meetings.meeting_id', 'meeting_participants': 'delegates.registration_id',
    }.items() %}
    union all
    {{ bearing(
        dataset, key, "'attendance'", 'delegates.iso3', year_of_meeting, year_of_meeting,
        meeting_id='meetings.meeting_id',
    ) }}
    from meetings
    inner join delegates on meetings.meeting_id = delegates.meeting_id
    {% endfor %}
    union all
    {{ bearing(
        'meeting_participants', 'meeting_participants.registration_id', "'participations'", 'null', year_of_meeting,
        year_of_meeting, meeting_id='meetings.meeting_id',
    ) }}
    from meetings
    inner join meeting_participants on meetings.meeting_id = meeting_participants.meeting_id
    union all
    {{ bearing(
        'contributions', 'contribution_id', "concat('contributions_', kind)", 'iso3',
        "case when kind = 'voluntary_isu' then extract(year from dated_on) else year end",
        "case when kind = 'voluntary_isu' then extract(year from dated_on) else year end",
    ) }}
    from contributions
    union all
    {{ bearing(
        'extension_requests', 'request_id', "'requests'", 'iso3', 'extract(year from submitted_on)',
        'extract(year from submitted_on)',
    ) }}
    from extension_requests
    union all
    {{ bearing(
        'completion_declarations', 'declaration_id', "'declarations'", 'iso3', 'extract(year from declared_on)',
        'extract(year from declared_on)',
    ) }}
    from completion_declarations
    union all
    {{ bearing('stockpile_discoveries', 'discovery_id', "'discoveries'", 'iso3') }}
    from stockpile_discoveries
    union all
    {{ bearing('compliance_cases', 'case_id', "'cases'", 'iso3') }}
    from compliance_cases
)

select distinct
    bearings.dataset,
    bearings.record_key,
    bearings.topic,
    bearings.node,
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
