-- Which records each observation rests on, and as what: `decides`, `superseded` (an answer that a later report
-- overtook), `membership` (why the member is in the population), `searched` (looked through without finding).

with

observations as (
    select
        observations.*,
        questions.year_start,
        questions.cut_off,
        questions.submission_cut_off
    from {{ ref('int_observations') }} as observations
    inner join {{ ref('int_indicator_years') }} as questions
        on
            observations.reporting_year = questions.reporting_year
            and observations.plan_version = questions.plan_version
            and observations.indicator_id = questions.indicator_id
),

reports as (
    select * from {{ ref('stg_article7_reports') }}
),

answers as (
    select * from {{ ref('stg_article7_answers') }}
),

meetings as (
    select * from {{ ref('stg_meetings') }}
),

obligations_of_populations as (
    {% for population, kinds in {
        'article3': ['article_3'],
        'article4': ['article_4'],
        'article5': ['article_5'],
        'victim_assistance': ['victim_assistance'],
        'affected': ['article_5', 'victim_assistance'],
        'article4_overdue': ['article_4'],
        'articles_3_4_5': ['article_3', 'article_4', 'article_5'],
        'article5_completed': ['article_5'],
        'article5_ever': ['article_5'],
        'completion_declarers': ['article_5'],
    }.items() %}
    {%- set outer_loop = loop -%}
    {% for kind in kinds %}
    select
        '{{ population }}' as population,
        '{{ kind }}' as kind
    {{ 'union all' if not (loop.last and outer_loop.last) }}
    {% endfor %}
    {% endfor %}
),

membership as (
    select
        observations.*,
        'states' as dataset,
        observations.iso3 as record_key,
        'membership' as role
    from observations
    union all
    select
        observations.*,
        'treaty_actions' as dataset,
        actions.action_id as record_key,
        case when observations.rule = 'joined_in_year' then 'decides' else 'membership' end as role
    from observations
    inner join {{ ref('stg_treaty_actions') }} as actions on observations.iso3 = actions.iso3
    where
        (observations.rule = 'joined_in_year' and observations.member_key = actions.action_id)
        or (
            observations.population <> 'all_states'
            and actions.action in ({{ consent_actions() }}, 'withdrawal')
        )
    union all
    select
        observations.*,
        'obligations' as dataset,
        obligations.obligation_id as record_key,
        'membership' as role
    from observations
    inner join obligations_of_populations on observations.population = obligations_of_populations.population
    inner join {{ ref('stg_obligations') }} as obligations
        on
            observations.iso3 = obligations.iso3
            and obligations_of_populations.kind = obligations.kind
),

-- reports that count for the observation's year, or for 45.1 up to it
counted_reports as (
    select
        observations.*,
        reports.report_id as counted_report_id
    from observations
    inner join reports
        on
            observations.iso3 = reports.iso3
            and observations.submission_cut_off >= reports.submitted_on
            and (
                observations.reporting_year = reports.reporting_year
                or (observations.rule = 'reported_ever' and observations.reporting_year > reports.reporting_year)
            )
    where
        observations.rule in (
            'reported', 'reported_ever', 'submitted', 'submitted_with_guide', 'submitted_with_updates'
        )
),

reporting as (
    select
        counted_reports.reporting_year,
        counted_reports.plan_version,
        counted_reports.indicator_id,
        counted_reports.member_kind,
        counted_reports.member_key,
        'article7_reports' as dataset,
        counted_reports.counted_report_id as record_key,
        case
            when counted_reports.rule = 'submitted_with_updates' then 'decides'
            when counted_reports.reason = 'not_answered' then 'searched'
            when counted_reports.counted_report_id = counted_reports.report_id then 'decides'
            -- a report that does not hold the answer was looked through, whenever it came
            when counted_reports.rule in ('reported', 'reported_ever') and answers.report_id is null then 'searched'
            else 'superseded'
        end as role
    from counted_reports
    left join answers
        on
            counted_reports.counted_report_id = answers.report_id
            and counted_reports.plan_version = answers.plan_version
            and counted_reports.indicator_id = answers.indicator_id
    union all
    select
        counted_reports.reporting_year,
        counted_reports.plan_version,
        counted_reports.indicator_id,
        counted_reports.member_kind,
        counted_reports.member_key,
        'article7_answers' as dataset,
        concat(answers.report_id, '|', answers.indicator_id) as record_key,
        case when counted_reports.report_id = answers.report_id then 'decides' else 'superseded' end as role
    from counted_reports
    inner join answers
        on
            counted_reports.counted_report_id = answers.report_id
            and counted_reports.plan_version = answers.plan_version
            and counted_reports.indicator_id = answers.indicator_id
),

money as (
    select
        observations.*,
        'contributions' as dataset,
        contributions.contribution_id as record_key,
        case when contributions.kind = 'assessment' then 'membership' else 'decides' end as role
    from observations
    inner join {{ ref('stg_contributions') }} as contributions
        on
            observations.iso3 = contributions.iso3
            and observations.cut_off >= contributions.dated_on
    where
        (
            observations.rule = 'paid_in_time'
            and contributions.kind in ('assessment', 'assessment_payment')
            and observations.reporting_year = contributions.year
        )
        or (
            observations.rule = 'contributed'
            and contributions.kind = 'voluntary_isu'
            and observations.year_start <= contributions.dated_on
        )
),

at_meetings as (
    select
        observations.*,
        'meeting_statements' as dataset,
        statements.statement_id as record_key,
        'decides' as role
    from observations
    inner join {{ ref('stg_meeting_statements') }} as statements on observations.iso3 = statements.iso3
    inner join meetings
        on
            statements.meeting_id = meetings.meeting_id
            and meetings.starts_on between observations.year_start and observations.cut_off
    left join {{ ref('int_open_cases') }} as cases
        on
            statements.case_id = cases.case_id
            and statements.iso3 = cases.iso3
            and observations.reporting_year = cases.reporting_year
    where
        (observations.rule = 'condemned_in_meeting' and statements.topic = 'condemnation')
        or (
            observations.rule = 'case_update_reported'
            and statements.topic = 'compliance_update'
            and cases.case_id is not null
        )
    union all
    select
        observations.*,
        'meetings' as dataset,
        acts.meeting_id as record_key,
        'decides' as role
    from observations
    inner join {{ ref('int_acts_at_meetings') }} as acts
        on
            observations.reporting_year = acts.reporting_year
            and observations.plan_version = acts.plan_version
            and observations.indicator_id = acts.indicator_id
            and observations.iso3 = acts.iso3
),

other_acts as (
    select
        observations.*,
        'stockpile_discoveries' as dataset,
        discoveries.discovery_id as record_key,
        'decides' as role
    from observations
    inner join {{ ref('int_discoveries') }} as discoveries on observations.iso3 = discoveries.iso3
    where
        (
            observations.rule = 'discovered_in_year'
            and discoveries.reported_on between observations.year_start and observations.cut_off
        )
        or (
            observations.rule = 'destroyed_within_six_months'
            and discoveries.reported_on <= observations.cut_off
            and discoveries.due_on >= observations.year_start
        )
    union all
    select
        observations.*,
        'extension_requests' as dataset,
        observations.member_key as record_key,
        'decides' as role
    from observations
    where observations.rule = 'request_plan_complete'
    union all
    select
        observations.*,
        'completion_declarations' as dataset,
        declarations.declaration_id as record_key,
        'decides' as role
    from observations
    inner join {{ ref('stg_completion_declarations') }} as declarations
        on
            observations.iso3 = declarations.iso3
            and declarations.declared_on between observations.year_start and observations.cut_off
    where observations.rule in ('declared_complete_in_year', 'declared_with_voluntary_declaration')
    union all
    select
        observations.*,
        'compliance_cases' as dataset,
        cases.case_id as record_key,
        case when observations.rule = 'case_open_in_year' then 'decides' else 'membership' end as role
    from observations
    inner join {{ ref('int_open_cases') }} as cases
        on
            observations.iso3 = cases.iso3
            and observations.reporting_year = cases.reporting_year
    where observations.rule in ('case_open_in_year', 'case_update_reported')
)

{% for links in ['membership', 'reporting', 'money', 'at_meetings', 'other_acts'] %}
select distinct
    reporting_year,
    plan_version,
    indicator_id,
    member_kind,
    member_key,
    dataset,
    record_key,
    role
from {{ links }}
{{ 'union all' if not loop.last }}
{% endfor %}
