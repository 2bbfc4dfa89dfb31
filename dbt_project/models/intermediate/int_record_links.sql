-- Which records each observation rests on, and as what: `decides`, `superseded` (an answer that a later report
-- overtook), `membership` (why the member is in the population), `searched` (looked through without finding).

{% set rules_of_reports %}
    'reported', 'reported_ever', 'submitted', 'submitted_with_guide', 'submitted_with_updates'
{% endset %}
{% set rules_of_declarations = "'declared_complete_in_year', 'declared_with_voluntary_declaration'" %}

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

contributions as (
    select * from {{ ref('stg_contributions') }}
),

discoveries as (
    select * from {{ ref('int_discoveries') }}
),

declarations as (
    select * from {{ ref('stg_completion_declarations') }}
),

cases as (
    select * from {{ ref('int_open_cases') }}
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

standing_membership as (
    {{ rests_on('states', 'observations.iso3', "'membership'") }}
    from observations
    union all
    {{ rests_on(
        'treaty_actions', 'actions.action_id',
        "case when observations.rule = 'joined_in_year' then 'decides' else 'membership' end",
    ) }}
    from observations
    inner join {{ ref('stg_treaty_actions') }} as actions on observations.iso3 = actions.iso3
    where
        (observations.rule = 'joined_in_year' and observations.member_key = actions.action_id)
        or (
            observations.population <> 'all_states'
            and actions.action in ({{ consent_actions() }}, 'withdrawal')
        )
    union all
    {{ rests_on('obligations', 'obligations.obligation_id', "'membership'") }}
    from observations
    inner join obligations_of_populations on observations.population = obligations_of_populations.population
    inner join {{ ref('stg_obligations') }} as obligations
        on
            observations.iso3 = obligations.iso3
            and obligations_of_populations.kind = obligations.kind
),

-- what makes a member of a population that is tied to the year, where the rule does not ask for it anyway
membership_of_the_year as (
    {{ rests_on('article7_reports', 'reports.report_id', "'membership'") }}
    from observations
    inner join reports
        on
            observations.iso3 = reports.iso3
            and observations.reporting_year = reports.reporting_year
            and observations.submission_cut_off >= reports.submitted_on
    where
        observations.population = 'reporting_parties'
        and observations.rule not in ({{ rules_of_reports }})
    union all
    {{ rests_on('contributions', 'contributions.contribution_id', "'membership'") }}
    from observations
    inner join contributions
        on
            observations.iso3 = contributions.iso3
            and observations.reporting_year = contributions.year
            and observations.cut_off >= contributions.dated_on
    where
        observations.population = 'assessed'
        and contributions.kind = 'assessment'
    union all
    {{ rests_on('stockpile_discoveries', 'discoveries.discovery_id', "'membership'") }}
    from observations
    inner join discoveries
        on
            observations.iso3 = discoveries.iso3
            and discoveries.reported_on <= observations.cut_off
            and discoveries.due_on >= observations.year_start
    where
        observations.population = 'stockpile_discoverers'
        and observations.rule <> 'destroyed_within_six_months'
    union all
    {{ rests_on('completion_declarations', 'declarations.declaration_id', "'membership'") }}
    from observations
    inner join declarations
        on
            observations.iso3 = declarations.iso3
            and declarations.declared_on between observations.year_start and observations.cut_off
    where
        observations.population = 'completion_declarers'
        and observations.rule not in ({{ rules_of_declarations }})
    union all
    {{ rests_on('compliance_cases', 'cases.case_id', "'membership'") }}
    from observations
    inner join cases
        on
            observations.iso3 = cases.iso3
            and observations.reporting_year = cases.reporting_year
    where
        observations.population = 'article1_cases'
        and observations.rule <> 'case_open_in_year'
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
    where observations.rule in ({{ rules_of_reports }})
),

reporting as (
    {% set role_of_report -%}
        case
            when counted_reports.rule = 'submitted_with_updates' then 'decides'
            when counted_reports.reason = 'not_answered' then 'searched'
            when counted_reports.counted_report_id = counted_reports.report_id then 'decides'
            -- a report that does not hold the answer was looked through, whenever it came
            when counted_reports.rule in ('reported', 'reported_ever') and answers.report_id is null then 'searched'
            else 'superseded'
        end
    {%- endset %}
    {{ rests_on('article7_reports', 'counted_reports.counted_report_id', role_of_report, 'counted_reports') }}
    from counted_reports
    left join answers
        on
            counted_reports.counted_report_id = answers.report_id
            and counted_reports.plan_version = answers.plan_version
            and counted_reports.indicator_id = answers.indicator_id
    union all
    {{ rests_on(
        'article7_answers', "concat(answers.report_id, '|', answers.indicator_id)",
        "case when counted_reports.report_id = answers.report_id then 'decides' else 'superseded' end",
        'counted_reports',
    ) }}
    from counted_reports
    inner join answers
        on
            counted_reports.counted_report_id = answers.report_id
            and counted_reports.plan_version = answers.plan_version
            and counted_reports.indicator_id = answers.indicator_id
),

money as (
    {{ rests_on('contributions', 'contributions.contribution_id', "'decides'") }}
    from observations
    inner join contributions
        on
            observations.iso3 = contributions.iso3
            and observations.cut_off >= contributions.dated_on
    where
        (
            observations.rule = 'paid_in_time'
            and contributions.kind = 'assessment_payment'
            and observations.reporting_year = contributions.year
        )
        or (
            observations.rule = 'contributed'
            and contributions.kind = 'voluntary_isu'
            and observations.year_start <= contributions.dated_on
        )
    union all
    -- the meeting that sets the limit
    {{ rests_on('meetings', 'meetings.meeting_id', "'decides'") }}
    from observations
    inner join {{ ref('int_payment_limits') }} as limits on observations.reporting_year = limits.reporting_year
    inner join meetings
        on
            limits.first_formal_meeting_on = meetings.starts_on
            and meetings.kind in ({{ formal_meetings() }})
    where observations.rule = 'paid_in_time'
),

statements as (
    select
        observations.*,
        statements.statement_id,
        statements.meeting_id
    from observations
    inner join {{ ref('stg_meeting_statements') }} as statements on observations.iso3 = statements.iso3
    inner join meetings
        on
            statements.meeting_id = meetings.meeting_id
            and meetings.starts_on between observations.year_start and observations.cut_off
    left join cases
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
),

at_meetings as (
    {{ rests_on('meeting_statements', 'statements.statement_id', "'decides'", 'statements') }}
    from statements
    union all
    {{ rests_on('meetings', 'statements.meeting_id', "'decides'", 'statements') }}
    from statements
    union all
    {{ rests_on('meetings', 'acts.meeting_id', "'decides'") }}
    from observations
    inner join {{ ref('int_acts_at_meetings') }} as acts
        on
            observations.reporting_year = acts.reporting_year
            and observations.plan_version = acts.plan_version
            and observations.indicator_id = acts.indicator_id
            and observations.iso3 = acts.iso3
    where observations.rule = 'attended'
),

other_acts as (
    {{ rests_on('stockpile_discoveries', 'discoveries.discovery_id', "'decides'") }}
    from observations
    inner join discoveries on observations.iso3 = discoveries.iso3
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
    {{ rests_on('extension_requests', 'observations.member_key', "'decides'") }}
    from observations
    where observations.rule = 'request_plan_complete'
    union all
    {{ rests_on('completion_declarations', 'declarations.declaration_id', "'decides'") }}
    from observations
    inner join declarations
        on
            observations.iso3 = declarations.iso3
            and declarations.declared_on between observations.year_start and observations.cut_off
    where observations.rule in ({{ rules_of_declarations }})
    union all
    {{ rests_on('compliance_cases', 'cases.case_id', "'decides'") }}
    from observations
    inner join cases
        on
            observations.iso3 = cases.iso3
            and observations.reporting_year = cases.reporting_year
    where observations.rule = 'case_open_in_year'
)

-- a report counts once for an observation, and answers it once: these, by far the most, are distinct as they are
{% for links in [
    'standing_membership', 'membership_of_the_year', 'money', 'at_meetings', 'other_acts',
] %}
select distinct * from {{ links }}
union all
{% endfor %}
select * from reporting
