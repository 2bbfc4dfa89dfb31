-- Rules `submitted`, `submitted_with_guide` and `submitted_with_updates`. One row for each year, indicator and state
-- with a counted report.

with

questions as (
    select *
    from {{ ref('int_indicator_years') }}
    where rule in ('submitted', 'submitted_with_guide', 'submitted_with_updates')
),

reports as (
    select * from {{ ref('int_reports') }}
),

submissions as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        questions.rule,
        reports.iso3,
        reports.report_id,
        reports.uses_guide,
        reports.has_implementation_update,
        {{ act_counts('questions.unit') }} as is_act,
        row_number() over (
            partition by questions.reporting_year, questions.plan_version, questions.indicator_id, reports.iso3
            order by {{ act_counts('questions.unit') }} desc, reports.submitted_on desc, reports.report_id desc
        ) as place
    from questions
    inner join reports on questions.reporting_year = reports.reporting_year
    {{ membership_on('questions.population', 'reports.iso3', 'reports.submitted_on') }}
),

judged as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        iso3,
        max(
            case
                when not is_act then 0
                when rule = 'submitted' then 1
                when rule = 'submitted_with_guide' and place = 1 and uses_guide then 1
                when rule = 'submitted_with_updates' and has_implementation_update then 1
                else 0
            end
        ) = 1 as is_counted,
        max(case when place = 1 then report_id end) as report_id
    from submissions
    group by reporting_year, plan_version, indicator_id, iso3
)

select
    reporting_year,
    plan_version,
    indicator_id,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    is_counted,
    case when is_counted then 'met' else 'not_met' end as reason,
    report_id
from judged
