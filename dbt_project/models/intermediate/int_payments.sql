-- What each state was assessed for a year and paid of it, by the limit and by the cut-off, in US dollars.

with

years as (
    select * from {{ ref('int_reporting_years') }}
),

limits as (
    select * from {{ ref('int_payment_limits') }}
),

contributions as (
    select * from {{ ref('stg_contributions') }} where kind in ('assessment', 'assessment_payment')
),

sums as (
    select
        years.reporting_year,
        contributions.iso3,
        sum(
            case
                when contributions.kind = 'assessment' and contributions.dated_on <= years.cut_off
                    then contributions.amount
                else 0
            end
        ) as amount_due,
        sum(
            case
                when contributions.kind = 'assessment_payment' and contributions.dated_on <= limits.limit_on
                    then contributions.amount
                else 0
            end
        ) as amount_paid_by_limit,
        sum(
            case
                when contributions.kind = 'assessment_payment' and contributions.dated_on <= years.cut_off
                    then contributions.amount
                else 0
            end
        ) as amount_paid
    from years
    inner join limits on years.reporting_year = limits.reporting_year
    inner join contributions on years.reporting_year = contributions.year
    group by years.reporting_year, contributions.iso3
)

select
    reporting_year,
    iso3,
    amount_due,
    amount_paid_by_limit,
    amount_paid,
    case
        when amount_paid_by_limit >= amount_due then 'in_time'
        when amount_paid >= amount_due then 'late'
        when amount_paid > 0 then 'partial'
        else 'none'
    end as payment
from sums
