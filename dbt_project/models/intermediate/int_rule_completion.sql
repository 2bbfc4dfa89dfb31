-- Rules of Article 5 extension and completion: `request_plan_complete`, `declared_complete_in_year` and
-- `declared_with_voluntary_declaration`. One row for each year, indicator and request, or state that declared.

with

questions as (
    select * from {{ ref('int_indicator_years') }}
),

requests as (
    select * from {{ ref('stg_extension_requests') }}
),

declarations as (
    select * from {{ ref('stg_completion_declarations') }}
),

judged_requests as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        'request' as member_kind,
        requests.request_id as member_key,
        requests.iso3,
        case questions.request_part
            when 'clearance'
                then requests.clearance_detailed and requests.clearance_costed and requests.clearance_multiyear
            when 'risk_education'
                then
                    requests.risk_education_detailed
                    and requests.risk_education_costed
                    and requests.risk_education_multiyear
        end as is_counted
    from questions
    inner join requests on requests.submitted_on between questions.year_start and questions.cut_off
    where questions.rule = 'request_plan_complete'
),

judged_declarations as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        'state' as member_kind,
        declarations.iso3 as member_key,
        declarations.iso3,
        max(
            case
                when not {{ act_counts('questions.unit') }} then 0
                when questions.rule = 'declared_complete_in_year' then 1
                when declarations.voluntary_declaration then 1
                else 0
            end
        ) = 1 as is_counted
    from questions
    inner join declarations on declarations.declared_on between questions.year_start and questions.cut_off
    {{ membership_on('questions.population', 'declarations.iso3', 'declarations.declared_on') }}
    where questions.rule in ('declared_complete_in_year', 'declared_with_voluntary_declaration')
    group by questions.reporting_year, questions.plan_version, questions.indicator_id, declarations.iso3
),

judged as (
    select * from judged_requests
    union all
    select * from judged_declarations
)

select
    reporting_year,
    plan_version,
    indicator_id,
    member_kind,
    member_key,
    iso3,
    is_counted,
    case when is_counted then 'met' else 'not_met' end as reason
from judged
