-- Rules `paid_in_time` and `contributed`. One row for each year, indicator and state that paid anything or was
-- assessed.

with

questions as (
    select * from {{ ref('int_indicator_years') }}
),

payments as (
    select * from {{ ref('int_payments') }}
),

voluntary as (
    select * from {{ ref('stg_contributions') }} where kind = 'voluntary_isu'
),

judged as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        payments.iso3,
        payments.payment = 'in_time' as is_counted
    from questions
    inner join payments on questions.reporting_year = payments.reporting_year
    where questions.rule = 'paid_in_time'
    union all
    select distinct
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        voluntary.iso3,
        true as is_counted
    from questions
    inner join voluntary on voluntary.dated_on between questions.year_start and questions.cut_off
    where questions.rule = 'contributed'
)

select
    reporting_year,
    plan_version,
    indicator_id,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    is_counted,
    case when is_counted then 'met' else 'not_met' end as reason
from judged
